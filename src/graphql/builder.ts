import SchemaBuilder from '@pothos/core';
import type { Millis } from '../presence/time.ts';
import type { GraphQLContext } from './context.ts';

/** Pothos without any type in it: each file under types/ adds one entity. Fields are non-null unless they say otherwise. */
export function createBuilder() {
  return new SchemaBuilder<{
    Context: GraphQLContext;
    DefaultFieldNullability: false;
    Scalars: {
      ID: { Input: string; Output: string };
      DateTime: { Input: Millis; Output: Millis };
    };
  }>({ defaultFieldNullability: false });
}

export type Builder = ReturnType<typeof createBuilder>;
