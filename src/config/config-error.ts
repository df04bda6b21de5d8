/** A setting that is wrong or contradicts another one. `message` is one line that names it and says what it should be. */
export class ConfigError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ConfigError';
  }
}
