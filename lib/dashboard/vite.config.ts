import { join } from 'node:path'
import { defineConfig } from 'vite'

/** The page goes where `lib/http/dashboard.ts` looks for it; nothing in it is inline, nothing comes from elsewhere. */
export default defineConfig({
  root: import.meta.dirname,
  base: '/dashboard/',
  clearScreen: false,
  logLevel: 'warn',
  build: {
    outDir: join(import.meta.dirname, '../../dist/dashboard'),
    emptyOutDir: true,
    assetsDir: '.',
    assetsInlineLimit: 0,
    modulePreload: false,
    target: 'es2022',
    reportCompressedSize: false,
  },
})
