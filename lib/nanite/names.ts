import { describe } from '../describe.js'
import { TelepathineError } from '../gossip/errors.js'

/** Longest route, in characters. */
const routeMax = 1_024

/**
 * The prefix that a class's name stands for: `FooBar` is `foo_bar`, `HeadlineCNNNews` is `headline_cnn_news`,
 * `FooBar::Baz` is `foo_bar/baz`.
 */
export function prefixOf(className: string): string {
  return className
    .replaceAll('::', '/')
    .replaceAll(/([A-Z]+)([A-Z][a-z])/g, '$1_$2')
    .replaceAll(/([a-z\d])([A-Z])/g, '$1_$2')
    .toLowerCase()
}

/** The route of a method: `/foo/bar`. */
export function routeOf(prefix: string, method: string): string {
  return `/${prefix}/${method}`.replaceAll(/\/+/g, '/')
}

/** @throws TelepathineError `ERR_KEY` */
export function checkRoute(type: unknown): string {
  if (typeof type === 'string' && type !== '' && type.length <= routeMax) return type
  throw new TelepathineError('ERR_KEY', `type: ${describe(type)} given, allowed: a route such as '/foo/bar'`)
}

/** @throws TelepathineError `ERR_KEY` */
export function checkPrefix(prefix: unknown): string {
  const bare = typeof prefix === 'string' ? prefix.replaceAll(/\/+/g, '/').replaceAll(/^\/|\/$/g, '') : ''
  if (bare !== '' && bare.length <= routeMax / 2) return bare
  throw new TelepathineError('ERR_KEY', `prefix: ${describe(prefix)} given, allowed: a text such as 'foo' or 'foo/bar'`)
}
