import { useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { useHere } from '../app/context';
import { callsIn } from '../core/desk';
import { canHear, choose, chosen, devices, loudness, openMicrophone, type Kind } from '../phone/devices';
import { keepsLine, ringsBrowser } from '../phone/phone';
import { useSpeaker } from '../phone/speaker';
import { lineQuality, type Quality } from '../phone/quality';
import type { StationState } from '../phone/station';
import { useWords, type Key } from '../i18n';
import { Icon } from '../ui/icons';
import { Menu } from '../ui/menu';
import { Press } from '../ui/parts';
import { ring, unlock, useRinger } from '../ui/sound';

/** The microphone's own state: it is asked for once the phone of the shift is this page. */
export type Microphone = { is: 'closed' } | { is: 'open'; track: MediaStreamTrack } | { is: 'refused' };

const SPEAKING = 0.45;
/** Somebody who speaks for so long while muted is told. */
const MUTED_VOICE_MS = 2000;
const LOOK_MS = 100;
const QUALITY_MS = 1000;

export function useStationState(): StationState {
  const { station } = useHere();
  return useSyncExternalStore(station.subscribe, () => station.state);
}

/** Keeps this page the agent's phone for as long as the shift lasts and their calls ring here. */
export function useStation(works: boolean): { microphone: Microphone; allow: () => void } {
  const { desk, station } = useHere();
  const [microphone, set] = useState<Microphone>({ is: 'closed' });
  const [tries, setTries] = useState(0);
  const here = works && ringsBrowser(desk.me);
  useEffect(() => {
    if (!here) return;
    let there = true;
    const open = () => openMicrophone().then(
      (track) => {
        if (!there) return track.stop();
        set({ is: 'open', track });
        station.open(track);
        // Unplugged: the next best, at once.
        track.onended = () => there && void open();
      },
      () => there && set({ is: 'refused' }),
    );
    void open();
    return () => {
      there = false;
    };
  }, [here, station, tries]);
  useEffect(() => {
    if (!here && station.state.line !== 'off') station.leave();
  }, [here, station]);
  const muted = callsIn(desk, 'live')[0]?.muted ?? false;
  useEffect(() => station.mute(muted), [station, muted, microphone]);
  return { microphone, allow: () => setTries((n) => n + 1) };
}

/** What keeps this page from being a phone, and what to do about it. */
export function PhoneBanner({ microphone, allow }: { microphone: Microphone; allow: () => void }) {
  const { station } = useHere();
  const { say } = useWords();
  const { line, why } = useStationState();
  if (microphone.is === 'refused') return <Banner text={say('phone.microphone')} button={say('phone.microphone.try')} press={allow} />;
  if (line === 'lost') return <Banner text={say('phone.lost')} button={say('link.now')} press={station.now} />;
  if (line === 'taken') return <Banner text={say('phone.taken')} button={say('phone.taken.here')} press={station.now} />;
  if (line === 'refused') return <Banner text={say('phone.refused', { why: why ?? '' })} button={say('detail.retry')} press={station.now} />;
  return null;
}

/** What is the matter with a phone that should stay connected, and what to do about it. */
export function LineBanner() {
  const here = useHere();
  const { say } = useWords();
  const { me } = here.desk;
  if (ringsBrowser(me) || !keepsLine() || !me.sip_uri || me.line === 'open') return null;
  if (me.line === 'ringing') return <div className="banner" role="status"><span>{say('line.ringing')}</span></div>;
  const again = () => void here.ask('shift.phone', '/Phone', { phone: 'sip', line: true });
  return <Banner text={say('line.closed')} button={say('line.again')} press={again} />;
}

const Banner = ({ text, button, press }: { text: string; button: string; press: () => void }) => (
  <div className="banner" role="status">
    <span>{text}</span>
    <Press onClick={press}>{button}</Press>
  </div>
);

/** How loud the microphone is now. */
export function MicrophoneMeter({ track }: { track: MediaStreamTrack }) {
  const { say } = useWords();
  const [level, set] = useState(0);
  useEffect(() => {
    const ear = loudness(track);
    const look = setInterval(() => set(Math.round(ear.level() * 20) / 20), LOOK_MS);
    return () => {
      clearInterval(look);
      ear.stop();
    };
  }, [track]);
  return (
    <span className="meter wide green" role="meter" aria-label={say('phone.level')} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(level * 100)}>
      <span style={{ transform: `scaleX(${level})` }} />
    </span>
  );
}

/** True while somebody has been speaking into a muted microphone. */
export function useMutedVoice(track: MediaStreamTrack | null, muted: boolean): boolean {
  const [speaks, set] = useState(false);
  useEffect(() => {
    set(false);
    if (!track || !muted) return;
    const ear = loudness(track);
    let since = 0;
    const look = setInterval(() => {
      since = ear.level() > SPEAKING ? since + LOOK_MS : 0;
      if (since >= MUTED_VOICE_MS) set(true);
    }, LOOK_MS);
    return () => {
      clearInterval(look);
      ear.stop();
    };
  }, [track, muted]);
  return speaks;
}

const LISTS: { kind: Kind; from: 'audioinput' | 'audiooutput'; label: Key }[] = [
  { kind: 'microphone', from: 'audioinput', label: 'phone.device.microphone' },
  { kind: 'speaker', from: 'audiooutput', label: 'phone.device.speaker' },
  { kind: 'ringer', from: 'audiooutput', label: 'phone.device.ringer' },
];

/** Microphone, speaker and ringer. */
export function Devices({ microphone, use }: { microphone: Microphone; use: (track: MediaStreamTrack) => void }) {
  const { say } = useWords();
  const [now, setNow] = useState(chosen);
  const [found, setFound] = useState<Record<string, MediaDeviceInfo[]>>({});
  useEffect(() => {
    if (!canHear()) return;
    let there = true;
    const look = async () => {
      const [audioinput, audiooutput] = await Promise.all([devices('audioinput'), devices('audiooutput')]);
      if (there) setFound({ audioinput, audiooutput });
    };
    void look();
    navigator.mediaDevices.addEventListener('devicechange', look);
    return () => {
      there = false;
      navigator.mediaDevices.removeEventListener('devicechange', look);
    };
  }, [microphone.is]);
  const change = async (kind: Kind, id: string) => {
    setNow(choose({ [kind]: id }));
    if (kind === 'microphone') use(await openMicrophone());
    if (kind === 'speaker') await useSpeaker(id);
    if (kind === 'ringer') await useRinger(id);
  };
  return (
    <div className="devices">
      {LISTS.map(({ kind, from, label }) => (
        <label key={kind} className="field">
          <span>{say(label)}</span>
          <select value={now[kind]} onChange={(event) => void change(kind, event.target.value)}>
            <option value="">{say('phone.device.default')}</option>
            {(found[from] ?? []).filter((one) => one.deviceId !== 'default').map((one) => (
              <option key={one.deviceId} value={one.deviceId}>{one.label}</option>
            ))}
          </select>
        </label>
      ))}
      <label className="pick">
        <input
          type="checkbox" checked={!now.raw}
          onChange={async (event) => { setNow(choose({ raw: !event.target.checked })); use(await openMicrophone()); }}
        />
        <span>{say('phone.clean')}</span>
      </label>
      {microphone.is === 'open' && <MicrophoneMeter track={microphone.track} />}
      <Press icon="play" onClick={() => { unlock(); ring(); }}>{say('shift.ringer.try')}</Press>
    </div>
  );
}

const GOOD: Quality = { is: 'good' };

/** How the line sounds: trouble that lasts is told, with its likely cause. */
function useQuality(hears: string | null): Quality {
  const { station } = useHere();
  const [quality, set] = useState<Quality>(GOOD);
  const judge = useRef(lineQuality());
  useEffect(() => {
    judge.current = lineQuality();
    set(GOOD);
    if (!hears) return;
    const look = setInterval(async () => {
      const report = await station.statistics();
      if (report) set(judge.current(report));
    }, QUALITY_MS);
    return () => clearInterval(look);
  }, [hears, station]);
  return quality;
}

/** The phone in the header: how it is, and with what one hears and speaks. */
export function PhoneMenu({ microphone }: { microphone: Microphone }) {
  const { phone, station } = useHere();
  const { say } = useWords();
  const { line, audio, hears } = useStationState();
  const quality = useQuality(hears);
  if (phone?.kind !== 'station' || line === 'off') return null;
  const good = line === 'up' && audio;
  const word: Key = !good ? 'phone.line.none' : quality.is === 'good' ? 'phone.line.good' : `phone.line.${quality.cause}`;
  return (
    <Menu
      className="phone"
      name={<>
        <span className={`dot ${good && quality.is === 'good' ? 'green' : 'orange'}`}>{say(word)}</span>
        <Icon name="phone" />
        <span className="hidden">{say('phone.menu')}</span>
      </>}
    >
      <Devices microphone={microphone} use={(track) => station.hearMicrophone(track)} />
    </Menu>
  );
}
