import type { Engine, EngineSettings } from './engine.js'
export async function open(url: string, settings: EngineSettings): Promise<Engine> { throw new Error(url + settings.name) }
