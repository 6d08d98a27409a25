const PATHS = {
  phone: 'M4 4h4l2 5-3 2a12 12 0 0 0 6 6l2-3 5 2v4a2 2 0 0 1-2 2A16 16 0 0 1 2 6a2 2 0 0 1 2-2z',
  end: 'M3 14c5-5 13-5 18 0l-2 3-4-2v-2a12 12 0 0 0-6 0v2l-4 2z',
  pause: 'M8 5v14M16 5v14',
  play: 'M7 4l13 8-13 8z',
  park: 'M7 21V4h6a5 5 0 0 1 0 10H7',
  swap: 'M7 4v13M3 13l4 4 4-4M17 20V7M13 11l4-4 4 4',
  mic: 'M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3zM6 11a6 6 0 0 0 12 0M12 17v4',
  'mic-off': 'M4 4l16 16M9 9v2a3 3 0 0 0 5 2M15 11V6a3 3 0 0 0-6-1M6 11a6 6 0 0 0 9 5M12 17v4',
  transfer: 'M4 8h13M13 4l4 4-4 4M20 16H7M11 12l-4 4 4 4',
  list: 'M8 6h12M8 12h12M8 18h12M4 6h.01M4 12h.01M4 18h.01',
  missed: 'M5 7l7 7 8-8M5 12V7h5M4 20h16',
  queues: 'M4 5h16v4H4zM4 10h16v4H4zM4 15h16v4H4z',
  team: 'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2 20c0-4 3-6 7-6s7 2 7 6M16 4a3.5 3.5 0 0 1 0 7M18 14c3 .6 4 3 4 6',
  search: 'M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM15.5 15.5L21 21',
  user: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 21c0-4 4-6 8-6s8 2 8 6',
  check: 'M4 12l6 6L20 6',
  close: 'M5 5l14 14M19 5L5 19',
  ring: 'M6 16V11a6 6 0 0 1 12 0v5l2 2H4zM10 21h4',
  gone: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM9 9l6 6M15 9l-6 6',
  note: 'M5 3h10l4 4v14H5zM9 12h6M9 16h6',
  direct: 'M4 12h14M12 6l6 6-6 6',
  out: 'M6 18L18 6M9 6h9v9',
  settings: 'M4 7h10M18 7h2M4 17h2M10 17h10M14 7a2 2 0 1 0 4 0 2 2 0 0 0-4 0zM6 17a2 2 0 1 0 4 0 2 2 0 0 0-4 0z',
  clock: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7v5l3 3',
  keypad: 'M5 5h.01M12 5h.01M19 5h.01M5 12h.01M12 12h.01M19 12h.01M5 19h.01M12 19h.01M19 19h.01',
} as const;

export type IconName = keyof typeof PATHS;

/** A sign that only repeats the word beside it. */
export const Icon = ({ name, size = 16 }: { name: IconName; size?: number }) => (
  <svg className="icon" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
    <path d={PATHS[name]} />
  </svg>
);
