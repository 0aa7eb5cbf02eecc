/**
 * Where a server is, from what people write: `redis://user:password@host:port`, `host:port`, a bare
 * port, `unix:/path`. Databases are not chosen here: dumps name their own.
 */

/** A server to connect to. */
export interface ServerUrl {
  readonly host: string;
  readonly port: number;
  /** Path of a unix socket; host and port mean nothing then. */
  readonly path: string | undefined;
  readonly username: string | undefined;
  readonly password: string | undefined;
  /** What is printed for it: without the password. */
  readonly shown: string;
}

const DEFAULT_HOST = '127.0.0.1';
const DEFAULT_PORT = 6379;
const PORT_MAX = 65_535;

/** The server that no URL names. */
export const LOCAL_SERVER = addressOf(DEFAULT_HOST, DEFAULT_PORT);

/** True for words that name a server and not a file. */
export function isServerUrl(word: string): boolean {
  return /^(redis|rediss|kora|unix|redis\+unix):/.test(word);
}

/** Reads a URL; a text is the reason why it is none. */
export function readServerUrl(word: string): ServerUrl | string {
  if (/^\d{1,5}$/.test(word)) return checked(addressOf(DEFAULT_HOST, Number(word)), word);
  if (/^(redis\+)?unix:/.test(word)) {
    const path = word.replace(/^[^:]*:(\/\/)?/, '');
    return path === '' ? `${word}: a path is missing` : { ...LOCAL_SERVER, path, shown: word };
  }
  if (word.startsWith('rediss:')) return `${word}: TLS is not built yet`;
  const text = /^[a-z+]+:\/\//.test(word) ? word : `redis://${word}`;
  if (!URL.canParse(text)) return `${word}: not a URL such as redis://host:6379`;
  const url = new URL(text);
  if (!/^(redis|kora):$/.test(url.protocol)) return `${word}: the URL starts with redis://`;
  if (!/^\/?$/.test(url.pathname)) {
    return `${word}: no database is named here; all of them are copied`;
  }
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const address = addressOf(host === '' ? DEFAULT_HOST : host, Number(url.port || DEFAULT_PORT));
  const username = decoded(url.username);
  const password = decoded(url.password);
  if (username === null || password === null) {
    return 'a % in a name or password is written as %25, as URLs have it';
  }
  return checked({
    ...address,
    username: username === '' ? undefined : username,
    password: password === '' ? undefined : password,
  }, word);
}

/** What the %XX of a URL stand for; null when they are none. */
function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

function addressOf(host: string, port: number): ServerUrl {
  const shown = `redis://${host.includes(':') ? `[${host}]` : host}:${port}`;
  return { host, port, path: undefined, username: undefined, password: undefined, shown };
}

function checked(url: ServerUrl, word: string): ServerUrl | string {
  return url.port > 0 && url.port <= PORT_MAX ? url : `${word}: not a port`;
}
