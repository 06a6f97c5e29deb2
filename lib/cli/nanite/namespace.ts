import { Actor, keyed, type Agent } from '../../nanite/index.js'

/** What the files of an agent know as `Nanite`, as in the original. */
export interface Namespace {
  readonly Actor: typeof Actor
  readonly Dispatcher: { readonly register: Agent['register'] }
  readonly agent: Agent
  readonly keyed: typeof keyed
  readonly broadcast_file: Agent['broadcast_file']
  readonly push: Agent['mapper']['push']
  readonly register: Agent['register']
  readonly register_security: Agent['register_security']
  readonly request: Agent['mapper']['request']
  status_proc: Agent['status_proc']
  statusProc: Agent['status_proc']
  readonly subscribe_to_files: Agent['subscribe_to_files']
  readonly tag: Agent['tag']
}

/** Makes it. */
export function namespaceOf(agent: Agent): Namespace {
  const { mapper } = agent
  const register = agent.register.bind(agent)
  return {
    Actor,
    Dispatcher: { register },
    agent,
    keyed,
    broadcast_file: agent.broadcast_file.bind(agent),
    push: mapper.push.bind(mapper),
    register,
    register_security: agent.register_security.bind(agent),
    request: mapper.request.bind(mapper),
    get status_proc() {
      return agent.status_proc
    },
    set status_proc(status) {
      agent.status_proc = status
    },
    get statusProc() {
      return agent.status_proc
    },
    set statusProc(status) {
      agent.status_proc = status
    },
    subscribe_to_files: agent.subscribe_to_files.bind(agent),
    tag: agent.tag.bind(agent),
  }
}
