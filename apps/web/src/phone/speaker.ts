import { chosen } from './devices';

let ear: HTMLAudioElement | undefined;

/** Plays what the station hears, on the chosen speaker. */
export function play(stream: MediaStream) {
  ear ??= document.body.appendChild(Object.assign(document.createElement('audio'), { id: 'ear', hidden: true }));
  ear.srcObject = stream;
  void useSpeaker(chosen().speaker);
  // Refused without a gesture on a page that has no microphone; ours has one by now.
  void ear.play().catch(() => undefined);
}

/** What is heard comes out there from now on; a browser that cannot choose plays it on its own. */
export async function useSpeaker(id: string) {
  if (ear && 'setSinkId' in ear && ear.sinkId !== id) await ear.setSinkId(id).catch(() => undefined);
}
