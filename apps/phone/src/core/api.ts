/** Why a request was refused: what the server says, word for word. */
export class ApiFailure extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** Who is signed in, as far as this page cares. */
export type Session = { login: string; csrf: string };
/** A number of the contact centre. */
export type OwnNumber = { number: string; name: string };
/** What a customer's phone is opened with. */
export type Token = { number: string; token: string; expires: string; ice_servers?: RTCIceServer[] };

let csrf = '';

async function ask<T>(method: string, path: string, body?: object): Promise<T> {
  const headers: Record<string, string> = {};
  if (body) headers['Content-Type'] = 'application/json';
  if (method !== 'GET') headers['X-Tandem-Csrf'] = csrf;
  let response: Response;
  try {
    const sent = body ? { body: JSON.stringify(body) } : {};
    response = await fetch(`/tandem/v1${path}`, { method, headers, credentials: 'same-origin', ...sent });
  } catch {
    throw new ApiFailure(0, 'offline');
  }
  const answer: unknown = await response.json().catch(() => ({}));
  if (response.ok) return answer as T;
  throw new ApiFailure(response.status, (answer as { message?: string }).message ?? response.statusText);
}

function remember(session: Session | null): Session | null {
  csrf = session?.csrf ?? '';
  return session;
}

/** Who is signed in, here or at the desk in another tab; null for nobody. */
export const whoAmI = async () => remember(await ask<Session | null>('GET', '/Session'));
export const signIn = async (login: string, password: string) => remember(await ask<Session>('POST', '/Session', { login, password }));
/** What customers may dial. */
export const numbers = async () => (await ask<{ numbers: OwnNumber[] }>('GET', '/Simulator')).numbers;

/** What opens the phone of a customer. A sign-in of another tab may have changed whom we are. */
export async function customerToken(number: string): Promise<Token> {
  try {
    return await ask<Token>('POST', '/Simulator/Customers', { number });
  } catch (error) {
    if (!(error instanceof ApiFailure && error.status === 403)) throw error;
    await whoAmI();
    return ask<Token>('POST', '/Simulator/Customers', { number });
  }
}
