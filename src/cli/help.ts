import { defaultOf, flagOf, SETTING_NAMES, settingsSchema } from '../config/settings.ts';

const COMMANDS = `Rollcall answers one question, at once and truthfully: which of my friends are here right now?

Usage: rollcall [command] [settings]

Commands:
  serve                 serve GraphQL over HTTP, WebSocket and Server-Sent Events (the default)
  import-friends FILE   make each pair of an edge list or CSV friends; --strict stops at the first bad line
  schema                print the GraphQL schema
  help                  print this
  --version             print the version

Settings, as environment variables or as flags, which win; an empty one counts as not set:
`;

/** All commands and settings, with a newline at the end. */
export function helpText(): string {
  const lines = SETTING_NAMES.map((name) => {
    const meaning = settingsSchema.shape[name].description ?? '';
    const fallback = defaultOf(name);
    return `  ${name}, ${flagOf(name)}\n      ${meaning}${fallback === 'none' ? '' : ` (default ${fallback})`}`;
  });
  return `${COMMANDS}${lines.join('\n')}\n`;
}
