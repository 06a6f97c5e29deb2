import { readdir } from 'node:fs/promises'
import { basename, extname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { isActor, isActorClass, type Actor, type Agent } from '../../nanite/index.js'
import { namespaceOf } from './namespace.js'

const script = /\.[cm]?js$/

/**
 * Loads `actors/*.js` and then `init.js` of a folder. Both find `Nanite` among the globals. Actors that a file exports,
 * and classes of actors, are registered unless one of the files has done so.
 *
 * @throws Error when there is nothing to offer
 */
export async function loadActors(folder: string, agent: Agent): Promise<void> {
  const registered = new Set<unknown>()
  const namespace = namespaceOf(agent)
  const register = (actor: Actor, prefix?: string): Agent => {
    agent.register(actor, prefix)
    registered.add(actor).add(actor.constructor)
    return agent
  }
  Object.assign(globalThis, { Nanite: Object.assign(namespace, { register, Dispatcher: { register } }) })
  const top = resolve(folder)
  const files = (await scripts(top, 'init')).filter((path) => basename(path, extname(path)) === 'init')
  const exported = new Map<unknown, string>()
  for (const path of await scripts(join(top, 'actors'))) {
    for (const value of Object.values(await load(path))) if (!exported.has(value)) exported.set(value, path)
  }
  for (const path of files) await load(path)
  for (const [value, path] of exported) {
    if (registered.has(value)) continue
    // a class that is exported as default without a name has that of its file
    if (isActorClass(value)) register(new value(), value.name === 'default' ? basename(path, extname(path)) : undefined)
    else if (isActor(value) && !registered.has(value)) register(value)
  }
  if (agent.services.length > 0) return
  throw new Error(`${folder} offers nothing: put classes that extend Actor, with static expose, into actors/*.js`)
}

/** The scripts that lie in a folder, by name. */
async function scripts(folder: string, what = 'actors'): Promise<string[]> {
  const found = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' && what === 'actors') return []
    throw error
  })
  return found.filter((name) => script.test(name)).sort().map((name) => join(folder, name))
}

async function load(path: string): Promise<Record<string, unknown>> {
  return (await import(pathToFileURL(path).href)) as Record<string, unknown>
}
