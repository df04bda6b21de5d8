// What `rollcall serve` does, with the sign-in for development and everything else as in production: what it costs to check
// tokens is in nobody's figures, and graphql checks more when NODE_ENV is not production.
import { serve } from '../dist/cli/serve.js';
import { loadConfig } from '../dist/config.js';

process.exitCode = await serve(loadConfig({ ...process.env, NODE_ENV: '', AUTH_MODE: 'dev' }));
