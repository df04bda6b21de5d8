/**
 * Whether a secret is the text of a key file, in PEM or JSON. With a public key as the secret of HS256 everybody could sign.
 */
export function looksLikeKeyFile(secret: string): boolean {
  return /-----BEGIN |^\s*\{.*"(?:kty|keys)"\s*:/s.test(secret);
}

export function hasCredentials(url: string): boolean {
  const { username, password } = new URL(url);
  return username !== '' || password !== '';
}

/** Whether nobody on the way can change what comes from there: by TLS, or since it does not leave this machine. */
export function isSafeSource(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'https:' || isLoopback(hostname);
}

/** As `URL` gives host names, an address of IPv6 in brackets, or as HOST is set, without them. */
export function isLoopback(hostname: string): boolean {
  return /^(?:localhost|.*\.localhost|127(?:\.\d{1,3}){3}|\[?::1\]?)$/i.test(hostname);
}
