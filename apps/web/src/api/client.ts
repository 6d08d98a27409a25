import type { SessionView, VoiceToken } from './desk.gen';

/** Why a request was refused: what the server says, word for word. */
export class ApiFailure extends Error {
  constructor(
    readonly status: number,
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

let csrf = '';

type Sent = { body?: string | URLSearchParams | File; kind?: string };

function written(body: unknown): Sent {
  if (body === undefined) return {};
  if (body instanceof URLSearchParams) return { body };
  if (body instanceof File) return { body, kind: body.type.startsWith('audio/') ? body.type : 'application/octet-stream' };
  return { body: JSON.stringify(body), kind: 'application/json' };
}

async function ask<T>(method: string, path: string, given?: unknown): Promise<T> {
  const headers: Record<string, string> = {};
  const { body, kind } = written(given);
  if (kind) headers['Content-Type'] = kind;
  if (method !== 'GET') headers['X-Tandem-Csrf'] = csrf;
  let response: Response;
  try {
    const whole = path.startsWith('/taskrouter/') || path.startsWith('/api/');
    response = await fetch(whole ? path : `/tandem/v1${path}`, { method, headers, credentials: 'same-origin', ...(body === undefined ? {} : { body }) });
  } catch {
    throw new ApiFailure(0, 0, 'offline');
  }
  if (response.status === 204) return undefined as T;
  const answer: unknown = await response.json().catch(() => ({}));
  if (response.ok) return answer as T;
  const { code, message } = answer as { code?: number; message?: string };
  throw new ApiFailure(response.status, code ?? 0, message ?? response.statusText);
}

export const get = <T>(path: string) => ask<T>('GET', path);
export const post = <T = unknown>(path: string, body: unknown = {}) => ask<T>('POST', path, body);

/** Parameters as the compatible APIs take them; what is undefined is not sent. */
export function postForm<T = unknown>(path: string, fields: Record<string, string | undefined>) {
  const form = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) form.set(name, value);
  return ask<T>('POST', path, form);
}

/** Sends a file as it is, with parameters in the address. */
export const postFile = <T = unknown>(path: string, file: File, fields: Record<string, string>) =>
  ask<T>('POST', `${path}?${new URLSearchParams(fields)}`, file);

export const put = <T = unknown>(path: string, body: unknown) => ask<T>('PUT', path, body);
export const remove = (path: string) => ask<void>('DELETE', path);

/** Asks who is signed in; null for nobody. */
export async function whoAmI(): Promise<SessionView | null> {
  const session = await ask<SessionView | null>('GET', '/Session');
  return session && remember(session);
}

/** How people may sign in beside a password; `start` is where the browser goes for it. */
export type SignInMethods = { password: boolean; single_sign_on: { name: string; start: string } | null };

export const signInMethods = () => ask<SignInMethods>('GET', '/Session/Methods');

/** What opens the user's station. */
export const voiceToken = () => post<VoiceToken>('/Session/VoiceToken');

export async function signIn(login: string, password: string): Promise<SessionView> {
  return remember(await ask<SessionView>('POST', '/Session', { login, password }));
}

/** Ends the session; answers where the browser goes to end it at the provider of identities as well. */
export const signOut = async (): Promise<string | null> => (await ask<{ leave: string } | undefined>('DELETE', '/Session'))?.leave ?? null;

function remember(session: SessionView): SessionView {
  csrf = session.csrf;
  return session;
}
