/** What the agent hears and speaks with: kept in this browser. */
export type Chosen = { microphone: string; speaker: string; ringer: string; raw: boolean };
export type Kind = 'microphone' | 'speaker' | 'ringer';

const KEPT = 'tandem.devices';
const NONE: Chosen = { microphone: '', speaker: '', ringer: '', raw: false };

export function chosen(): Chosen {
  try {
    return { ...NONE, ...(JSON.parse(localStorage.getItem(KEPT) ?? '{}') as Partial<Chosen>) };
  } catch {
    return NONE;
  }
}

export function choose(change: Partial<Chosen>): Chosen {
  const now = { ...chosen(), ...change };
  localStorage.setItem(KEPT, JSON.stringify(now));
  return now;
}

/** A page that was not loaded over https (or from this machine) has no microphone. */
export const canHear = () => 'mediaDevices' in navigator;

/** The chosen microphone, or another if it is not there any more. */
export async function openMicrophone(): Promise<MediaStreamTrack> {
  const { microphone: id, raw } = chosen();
  const how: MediaTrackConstraints = { echoCancellation: !raw, noiseSuppression: !raw, autoGainControl: !raw };
  const audio = id ? { ...how, deviceId: { ideal: id } } : how;
  const stream = await navigator.mediaDevices.getUserMedia({ audio });
  const track = stream.getAudioTracks()[0];
  if (!track) throw new Error('no microphone');
  return track;
}

export async function devices(kind: 'audioinput' | 'audiooutput'): Promise<MediaDeviceInfo[]> {
  const all = await navigator.mediaDevices.enumerateDevices();
  // Without a name it is not known yet: the microphone was not allowed.
  return all.filter((one) => one.kind === kind && one.deviceId !== '' && one.label !== '');
}

/** How loud a track is, from 0 to 1, each time it is asked. */
export function loudness(track: MediaStreamTrack): { level: () => number; stop: () => void } {
  const context = new AudioContext();
  void context.resume();
  // A muted track is silent; its clone is not, so that somebody who speaks while muted can be told.
  const own = track.clone();
  own.enabled = true;
  const source = context.createMediaStreamSource(new MediaStream([own]));
  const analyser = context.createAnalyser();
  analyser.fftSize = 512;
  source.connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  return {
    level() {
      analyser.getFloatTimeDomainData(samples);
      let sum = 0;
      for (const sample of samples) sum += sample * sample;
      const decibels = 10 * Math.log10(sum / samples.length + 1e-9);
      return Math.min(1, Math.max(0, (decibels + 60) / 50));
    },
    stop() {
      own.stop();
      void context.close();
    },
  };
}
