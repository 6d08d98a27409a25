// A page with the Voice SDK: what the tests ask of it.
const { Device } = window.Twilio;
let device;
let call;
let told = [];
/** How calls are made and taken: which servers their connections may use. */
let connection = {};

const note = (what, more = {}) => told.push({ what, ...more });

function follow(next) {
  call = next;
  call.on('ringing', (early) => note('ringing', { early }));
  call.on('accept', () => note('accept'));
  call.on('cancel', () => note('cancel'));
  call.on('reject', () => note('reject'));
  call.on('disconnect', () => note('disconnect'));
  call.on('reconnecting', () => note('reconnecting'));
  call.on('reconnected', () => note('reconnected'));
  call.on('error', (error) => note('call-error', { code: error.code }));
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** The loudest frequency in a stream, once it is loud enough; 0 if it stays silent. */
export async function loudest(stream, ms) {
  const context = new AudioContext();
  const analyser = new AnalyserNode(context, { fftSize: 8192, smoothingTimeConstant: 0 });
  context.createMediaStreamSource(stream).connect(analyser);
  const bins = new Float32Array(analyser.frequencyBinCount);
  const end = performance.now() + ms;
  let found = 0;
  while (performance.now() < end && !found) {
    await pause(250);
    analyser.getFloatFrequencyData(bins);
    const at = bins.reduce((best, value, index) => (value > bins[best] ? index : best), 0);
    if (bins[at] > -60) found = Math.round((at * context.sampleRate) / analyser.fftSize);
  }
  await context.close();
  return found;
}

window.phone = {
  async start(token, host, options = {}) {
    connection = options.rtcConfiguration ? { rtcConfiguration: options.rtcConfiguration } : {};
    device = new Device(token, {
      chunderw: host, logLevel: 'error', publishEvents: false, closeProtection: false, tokenRefreshMs: options.tokenRefreshMs ?? 10000,
      codecPreferences: options.codecs ?? ['pcmu', 'opus'], enableImprovedSignalingErrorPrecision: true,
      maxCallSignalingTimeoutMs: options.hold ?? 0,
    });
    device.on('incoming', (incoming) => {
      follow(incoming);
      note('incoming', { from: incoming.parameters.From, custom: Object.fromEntries(incoming.customParameters) });
    });
    device.on('registered', () => note('registered'));
    device.on('unregistered', () => note('unregistered'));
    device.on('tokenWillExpire', () => note('tokenWillExpire'));
    device.on('error', (error) => note('error', { code: error.code }));
    // A steady tone is what these would take for noise.
    await device.audio.setAudioConstraints({ echoCancellation: false, noiseSuppression: false, autoGainControl: false });
  },
  register: () => device.register(),
  unregister: () => device.unregister(),
  updateToken: (token) => device.updateToken(token),
  async connect(params) {
    follow(await device.connect({ params, ...connection, rtcConstraints: { audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false } } }));
  },
  accept: () => call.accept({ ...connection, rtcConstraints: { audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false } } }),
  reject: () => call.reject(),
  hangUp: () => call.disconnect(),
  mute: (muted) => call.mute(muted),
  press: (digits) => call.sendDigits(digits),
  status: () => call?.status(),
  sid: () => call?.parameters.CallSid,
  /** Waits until something was told, and forgets everything before it. */
  async told(what, ms) {
    const end = performance.now() + ms;
    for (;;) {
      const at = told.findIndex((entry) => entry.what === what);
      if (at >= 0) return told.splice(0, at + 1).at(-1);
      if (performance.now() > end) throw new Error(`was not told of ${what}, but: ${JSON.stringify(told)}`);
      await pause(50);
    }
  },
  heard: async (ms) => {
    const end = performance.now() + ms;
    while (!call?.getRemoteStream() && performance.now() < end) await pause(50);
    return loudest(call.getRemoteStream(), Math.max(end - performance.now(), 500));
  },
  /** The network goes: the websocket is cut, audio goes on. */
  cutSignalling: () => device._stream.transport._socket.close(),
  /** By which kind of candidate the audio of the call goes: `host`, `relay`. */
  goesBy: async () => {
    const all = [...(await call._mediaHandler.version.pc.getStats()).values()];
    const pair = all.find((one) => one.type === 'candidate-pair' && one.nominated && one.state === 'succeeded');
    return all.find((one) => one.id === pair?.localCandidateId)?.candidateType;
  },
  restartIce: () => call._mediaHandler.iceRestart(),
};
