import { printSortedSchema } from '../graphql/print.ts';

/** Prints the SDL of the schema that is served, and nothing else. */
export function schema(stdout: { write(text: string): unknown }): number {
  stdout.write(printSortedSchema());
  return 0;
}
