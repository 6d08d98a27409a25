import sample from '../sample/voice.wav';
import { Judge, LOOK_MS, look, type Heard } from './ear';

let context: AudioContext | undefined;

/** The page's sound; it begins with the first click or key. */
export function sound(): AudioContext {
  context ??= new AudioContext({ sampleRate: 48_000 });
  return context;
}

export const unlock = () => void sound().resume();

/** What a customer speaks with: `sample` is a few recorded sentences, over and over. */
export type Source = 'tone' | 'sample' | 'microphone';
export const SOURCES: readonly Source[] = ['tone', 'sample', 'microphone'];

/** How loud a tone is; everybody may speak at once. */
const LOUD = 0.2;
const SOFTEST_DB = -60;

/** How loud it is, from 0 to 1. */
function level(analyser: AnalyserNode, samples: Float32Array<ArrayBuffer>): number {
  analyser.getFloatTimeDomainData(samples);
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  const decibels = 10 * Math.log10(sum / samples.length + 1e-9);
  return Math.min(1, Math.max(0, (decibels - SOFTEST_DB) / -SOFTEST_DB));
}

let microphone: Promise<MediaStream> | undefined;

/** The microphone of this machine; several customers may share it. */
function openMicrophone(): Promise<MediaStream> {
  const opened = microphone ?? navigator.mediaDevices.getUserMedia({ audio: true });
  microphone = opened;
  // Refused once, it may be allowed later.
  opened.catch(() => (microphone = undefined));
  return opened;
}

let spoken: Promise<AudioBuffer> | undefined;

/** Sentences that a customer may say; loaded when somebody wants them. */
function openSample(): Promise<AudioBuffer> {
  const loading = spoken ?? fetch(sample).then(async (answer) => {
    if (!answer.ok) throw new Error(`${answer.status}`);
    return sound().decodeAudioData(await answer.arrayBuffer());
  });
  spoken = loading;
  loading.catch(() => (spoken = undefined));
  return loading;
}

/** A customer's voice: a track that goes on whatever feeds it. */
export class Voice {
  readonly track: MediaStreamTrack;
  private readonly out: MediaStreamAudioDestinationNode;
  private readonly analyser: AnalyserNode;
  private readonly samples: Float32Array<ArrayBuffer>;
  private readonly tone: OscillatorNode;
  private readonly soft: GainNode;
  private speaks: AudioNode;

  constructor(hz: number) {
    const context = sound();
    this.out = context.createMediaStreamDestination();
    this.analyser = new AnalyserNode(context, { fftSize: 1024 });
    this.samples = new Float32Array(this.analyser.fftSize);
    this.analyser.connect(this.out);
    this.tone = new OscillatorNode(context, { frequency: hz });
    this.soft = new GainNode(context, { gain: LOUD });
    this.tone.connect(this.soft).connect(this.analyser);
    this.tone.start();
    this.speaks = this.soft;
    const [track] = this.out.stream.getAudioTracks();
    if (!track) throw new Error('no track');
    this.track = track;
  }

  /** Speaks with something else from now on. Fails if the microphone is refused, or the sample cannot be had. */
  async use(source: Source) {
    const next = await this.open(source);
    this.speaks.disconnect();
    if (this.speaks instanceof AudioBufferSourceNode) this.speaks.stop();
    next.connect(this.analyser);
    this.speaks = next;
  }

  private async open(source: Source): Promise<AudioNode> {
    if (source === 'tone') return this.soft;
    if (source === 'microphone') return sound().createMediaStreamSource(await openMicrophone());
    const said = new AudioBufferSourceNode(sound(), { buffer: await openSample(), loop: true });
    said.start();
    return said;
  }

  level(): number {
    return this.track.enabled ? level(this.analyser, this.samples) : 0;
  }

  stop() {
    this.tone.stop();
    this.track.stop();
    this.speaks.disconnect();
    this.analyser.disconnect();
  }
}

/** What an ear knows. */
export type Hearing = { heard: Heard; level: number };

/** A customer's ear: says what it hears, and lets it out of the speaker if it is the one that is listened with. */
export class Ear {
  private readonly element: HTMLAudioElement;
  private readonly analyser = new AnalyserNode(sound(), { fftSize: 4096, smoothingTimeConstant: 0 });
  private readonly bins = new Float32Array(this.analyser.frequencyBinCount);
  private readonly samples = new Float32Array(this.analyser.fftSize);
  private source: MediaStreamAudioSourceNode | undefined;
  private timer: ReturnType<typeof setInterval> | undefined;

  constructor(number: string) {
    this.element = document.body.appendChild(Object.assign(document.createElement('audio'), { id: `ear-${number}`, hidden: true, muted: true }));
  }

  /** Hears this from now on, and tells of it. */
  hear(stream: MediaStream | null, told: (hearing: Hearing | null) => void) {
    clearInterval(this.timer);
    this.source?.disconnect();
    this.source = undefined;
    // Chromium decodes what an element plays, and nothing else.
    this.element.srcObject = stream;
    if (!stream) return told(null);
    void this.element.play().catch(() => undefined);
    this.source = sound().createMediaStreamSource(stream);
    this.source.connect(this.analyser);
    const judge = new Judge();
    const step = sound().sampleRate / this.analyser.fftSize;
    this.timer = setInterval(() => {
      this.analyser.getFloatFrequencyData(this.bins);
      const heard = judge.take(look(this.bins, step));
      told({ heard, level: level(this.analyser, this.samples) });
    }, LOOK_MS);
  }

  /** Whether what is heard comes out of the speaker. */
  aloud(aloud: boolean) {
    this.element.muted = !aloud;
  }

  stop() {
    this.hear(null, () => undefined);
    this.element.remove();
  }
}
