import { useEffect, useState, useSyncExternalStore } from 'react';
import { customerToken } from './core/api';
import { Line, type LineState } from './core/line';
import type { Persona } from './core/people';
import { Ear, Voice, type Hearing } from './core/sound';

/** A customer's line, voice and ear. */
export type Phone = { line: Line; voice: Voice; ear: Ear };

function make({ number, tone }: Persona, heard: (hearing: Hearing | null) => void): Phone {
  const [voice, ear] = [new Voice(tone), new Ear(number.replace('+', ''))];
  const line = new Line(`${location.origin.replace(/^http/, 'ws')}/signal`, {
    token: () => customerToken(number),
    socket: (url) => new WebSocket(url),
    peer: (iceServers) => new RTCPeerConnection({ iceServers }),
    voice: () => voice.track,
    hear: (stream) => ear.hear(stream, heard),
  });
  return { line, voice, ear };
}

/** The phone of a customer for as long as it is shown, and what it hears. */
export function usePhone(persona: Persona): { phone: Phone | null; hearing: Hearing | null } {
  const [phone, setPhone] = useState<Phone | null>(null);
  const [hearing, setHearing] = useState<Hearing | null>(null);
  useEffect(() => {
    const made = make(persona, setHearing);
    setPhone(made);
    made.line.open();
    const leave = () => made.line.close();
    window.addEventListener('pagehide', leave);
    return () => {
      window.removeEventListener('pagehide', leave);
      made.line.close();
      made.ear.stop();
      made.voice.stop();
    };
  }, [persona]);
  return { phone, hearing };
}

export const useLine = (line: Line): LineState => useSyncExternalStore(line.subscribe, () => line.state);

/** Once a second, or so. */
export function useTick(every: number): number {
  const [now, set] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => set(Date.now()), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}

/** How a line is: codec, delay there and back, and what is lost. */
export type Report = { codec: string; delay: number; loss: number };

export function reportOf(stats: Iterable<[string, unknown]>): Report | null {
  let [codec, delay, got, lost] = ['', 0, 0, 0];
  for (const [, one] of stats) {
    const told = one as { type: string; mimeType?: string; packetsReceived?: number; packetsLost?: number; currentRoundTripTime?: number; nominated?: boolean };
    if (told.type === 'codec' && told.mimeType && !told.mimeType.includes('telephone-event')) codec = told.mimeType.replace('audio/', '');
    if (told.type === 'candidate-pair' && told.nominated) delay = told.currentRoundTripTime ?? 0;
    if (told.type === 'inbound-rtp') [got, lost] = [told.packetsReceived ?? 0, Math.max(0, told.packetsLost ?? 0)];
  }
  return codec && got > 0 ? { codec, delay: Math.round(delay * 1000), loss: (100 * lost) / (got + lost) } : null;
}
