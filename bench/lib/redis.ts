import { requireRival } from './rivals.js'

/** What of an ioredis connection is used here. */
export interface Redis {
  publish(channel: string, message: string): Promise<number>
  subscribe(channel: string): Promise<unknown>
  on(event: 'message', listener: (channel: string, message: string) => void): unknown
  hset(key: string, field: string, value: string): Promise<number>
  hgetall(key: string): Promise<Record<string, string>>
  set(key: string, value: string): Promise<unknown>
  get(key: string): Promise<string | null>
  info(section: string): Promise<string>
  ping(): Promise<unknown>
}

/** Connects to a server on loopback; commands of one turn go together. */
export async function connectRedis(port: number): Promise<Redis> {
  const { Redis } = requireRival<{ Redis: new (options: object) => Redis }>('ioredis')
  const redis = new Redis({ host: '127.0.0.1', port, enableAutoPipelining: true })
  await redis.ping()
  return redis
}
