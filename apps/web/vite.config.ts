import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';
import { budget } from '../common/budget';

export default defineConfig({
  base: '/desk/',
  // What both pages share is beside them, and takes its packages from the page that uses it.
  resolve: { dedupe: ['react', 'react-dom'] },
  plugins: [react(), budget(250)],
  build: { outDir: 'dist/app', emptyOutDir: true, assetsInlineLimit: 0, target: 'es2022' },
  // `npm run dev` beside a running Tandem.
  server: { fs: { allow: ['..'] }, proxy: { '/tandem': { target: 'http://127.0.0.1:8080', ws: true } } },
  test: { environment: 'jsdom', include: ['src/**/*.test.{ts,tsx}'] },
});
