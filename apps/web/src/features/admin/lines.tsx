import { useEffect } from 'react';
import { get } from '../../api/client';
import { duration } from '../../core/time';
import { useLoaded } from '../../ui/loaded';
import { useAdmin, useAgain } from './kit';

type Trunk = {
  name: string; uri: string; state: 'up' | 'down' | 'resting' | 'unwatched'; priority: number; weight: number; calls: number; calls_max: number | null;
  registration: 'none' | 'pending' | 'registered' | 'failed'; registration_expires_in_s: number | null; last_error: string | null;
};
type Registration = { user: string; contact: string; received: string; transport: string; expires_in_s: number };

/** How often the state of lines is asked for, in milliseconds. */
const LOOK_MS = 3_000;
const TONES = { up: 'green', down: 'red', resting: 'orange', unwatched: 'grey' } as const;

/** Trunks and registered phones as they are now. */
export default function Lines() {
  const say = useAdmin();
  const [again, look] = useAgain();
  useEffect(() => {
    const timer = setInterval(() => document.hidden || look(), LOOK_MS);
    return () => clearInterval(timer);
  }, [look]);
  const loaded = useLoaded(async () => {
    const [{ trunks }, { registrations }] = await Promise.all([get<{ trunks: Trunk[] }>('/Trunks'), get<{ registrations: Registration[] }>('/Registrations')]);
    return { trunks, registrations };
  }, [again]);
  if (loaded === 'failed') return <p className="trouble" role="alert">{say('load.failed')}</p>;
  if (!loaded) return <p className="loading" role="status">{say('loading')}</p>;
  return (
    <div className="form">
      <h3>{say('lines.trunks')}</h3>
      {loaded.trunks.length === 0 && <p className="empty">{say('lines.trunks.none')}</p>}
      {loaded.trunks.length > 0 && (
        <table>
          <thead>
            <tr>
              <th scope="col">{say('name')}</th><th scope="col">{say('lines.state')}</th><th scope="col">{say('lines.registration')}</th>
              <th scope="col" className="figure">{say('lines.calls')}</th><th scope="col" className="figure">{say('lines.priority')}</th>
            </tr>
          </thead>
          <tbody>
            {loaded.trunks.map((one) => (
              <tr key={one.name}>
                <th scope="row">{one.name} <small>{one.uri}</small></th>
                <td><span className={`badge ${TONES[one.state]}`}>{say(`lines.${one.state}`)}</span></td>
                <td>
                  {say(`lines.registration.${one.registration}`)}{' '}
                  {one.registration_expires_in_s !== null && <small>{duration(one.registration_expires_in_s * 1000)}</small>}
                  {one.last_error && <small className="bad">{one.last_error}</small>}
                </td>
                <td className="figure">{one.calls}{one.calls_max !== null && ` / ${one.calls_max}`}</td>
                <td className="figure">{one.priority} · {one.weight}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <h3>{say('lines.phones')}</h3>
      {loaded.registrations.length === 0 && <p className="empty">{say('lines.phones.none')}</p>}
      {loaded.registrations.length > 0 && (
        <table>
          <thead>
            <tr>
              <th scope="col">{say('lines.user')}</th><th scope="col">{say('lines.contact')}</th><th scope="col">{say('lines.received')}</th>
              <th scope="col" className="figure">{say('lines.expires')}</th>
            </tr>
          </thead>
          <tbody>
            {loaded.registrations.map((one) => (
              <tr key={`${one.user} ${one.contact} ${one.received}`}>
                <th scope="row">{one.user}</th><td>{one.contact}</td><td>{one.received} <small>{one.transport.toUpperCase()}</small></td>
                <td className="figure">{duration(one.expires_in_s * 1000)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </div>
  );
}
