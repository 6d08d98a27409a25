// A station (docs/reference/station.md): one connection for a shift.
import { loudest } from '/phone.js';

const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
let socket;
let peer;
let microphone;
let told = [];

const send = (type, payload = {}) => socket.send(JSON.stringify({ type, payload }));

async function offer(options) {
  await peer.setLocalDescription(await peer.createOffer(options));
  send('station', { sdp: peer.localDescription.sdp });
}

async function heard(type, payload) {
  if (type === 'station') await peer.setRemoteDescription({ type: 'answer', sdp: payload.sdp });
  told.push({ what: type, ...payload });
}

window.station = {
  async start(token, host, codec = 'audio/PCMU') {
    microphone ??= await navigator.mediaDevices.getUserMedia({ audio: plain });
    peer = new RTCPeerConnection();
    const transceiver = peer.addTransceiver(microphone.getAudioTracks()[0], { direction: 'sendrecv' });
    const { codecs } = RTCRtpReceiver.getCapabilities('audio');
    const first = codecs.filter((one) => one.mimeType === codec);
    transceiver.setCodecPreferences([...first, ...codecs.filter((one) => one.mimeType !== codec)]);
    // Chromium decodes what an element plays, and nothing else.
    const element = new Audio();
    element.srcObject = new MediaStream([transceiver.receiver.track]);
    element.play();
    socket = new WebSocket(`wss://${host}/signal`);
    socket.onmessage = ({ data }) => {
      if (data.trim() === '') return socket.send('\n');
      const { type, payload } = JSON.parse(data);
      heard(type, payload);
    };
    await new Promise((open, fail) => { socket.onopen = open; socket.onerror = fail; });
    send('listen', { token, reconnectTimeout: 0 });
    await offer();
    return window.station.told('station', 10000);
  },
  /** As when the computer moves to another network. */
  restartIce: () => offer({ iceRestart: true }),
  cut: () => socket.close(),
  send: (type, payload) => send(type, payload),
  press: (digits) => peer.getSenders()[0].dtmf.insertDTMF(digits, 160, 70),
  async told(what, ms) {
    const end = performance.now() + ms;
    for (;;) {
      const at = told.findIndex((entry) => entry.what === what);
      if (at >= 0) return told.splice(0, at + 1).at(-1);
      if (performance.now() > end) throw new Error(`was not told of ${what}, but: ${JSON.stringify(told)}`);
      await pause(20);
    }
  },
  heard: (ms) => loudest(new MediaStream([peer.getReceivers()[0].track]), ms),
};
