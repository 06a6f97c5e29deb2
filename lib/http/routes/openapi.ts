import type { Route, Routes } from '../routes.js'

/** A description of all routes, for tools. */
export function openapiRoutes(routes: Routes): Route[] {
  return [
    {
      method: 'GET',
      path: '/openapi.json',
      writes: false,
      summary: 'This description.',
      answer: (exchange) => exchange.json(200, describe(routes.all)),
    },
  ]
}

function describe(routes: readonly Route[]): object {
  const paths: Record<string, Record<string, object>> = {}
  for (const route of routes) {
    const names = [...route.path.matchAll(/:(\w+)/g)].map(([, name]) => name ?? '')
    const path = route.path.replaceAll(/:(\w+)\*?/g, '{$1}')
    const operations = (paths[path] ??= {})
    operations[route.method.toLowerCase()] = {
      summary: route.summary,
      parameters: names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
      ...(route.writes ? { security: [{ token: [] }] } : {}),
      responses: {
        default: {
          description: 'What went wrong.',
          content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
        },
      },
    }
  }
  const text = { type: 'string' }
  const error = { type: 'object', properties: { code: text, message: text }, required: ['code', 'message'] }
  return {
    openapi: '3.1.0',
    info: { title: 'telepathine', version: '1' },
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: { Error: { type: 'object', properties: { error }, required: ['error'] } },
    },
  }
}
