import { useState, type ReactNode } from 'react';
import './admin.css';
import { useAdmin } from './kit';
import Lines from './lines';
import Numbers from './numbers';
import People from './people';
import Prompts from './prompts';
import Queues, { Activities } from './queues';
import Users from './users';
import Workflows from './workflows';

const PARTS = ['people', 'queues', 'workflows', 'numbers', 'prompts', 'activities', 'lines', 'users'] as const;
type Part = (typeof PARTS)[number];

const SHOWN: Record<Part, () => ReactNode> = {
  people: () => <People />,
  queues: () => <Queues />,
  workflows: () => <Workflows />,
  numbers: () => <Numbers />,
  prompts: () => <Prompts />,
  activities: () => <Activities />,
  lines: () => <Lines />,
  users: () => <Users />,
};

/** How the contact centre is set up. */
export default function Administration() {
  const say = useAdmin();
  const [part, go] = useState<Part>('people');
  return (
    <div className="board administration">
      <nav className="parts" aria-label={say('title')}>
        {PARTS.map((one) => (
          <button key={one} type="button" className="press" aria-current={part === one ? 'page' : undefined} onClick={() => go(one)}>{say(`${one}.title`)}</button>
        ))}
      </nav>
      <h2>{say(`${part}.title`)}</h2>
      {SHOWN[part]()}
    </div>
  );
}
