import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app/app';
import { Spoken } from './i18n';
import './styles.css';
import { applyTheme } from '../../common/theme';

applyTheme();
const root = document.getElementById('root');
if (root) {
  createRoot(root).render(
    <StrictMode>
      <Spoken>
        <App />
      </Spoken>
    </StrictMode>,
  );
}
