import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  base: '/phone/',
  plugins: [react()],
  build: { outDir: 'dist/app', emptyOutDir: true, assetsInlineLimit: 0, target: 'es2022' },
  // `npm run dev` beside a running Tandem.
  server: { proxy: { '/tandem': 'http://127.0.0.1:8080', '/signal': { target: 'http://127.0.0.1:8080', ws: true } } },
  test: { environment: 'jsdom', include: ['src/**/*.test.{ts,tsx}'] },
});
