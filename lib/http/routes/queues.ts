import type { DeadJob, Dispatcher } from '../../work/index.js'
import { refusalOf, Refusal } from '../errors.js'
import { wholeNumber, type Exchange } from '../exchange.js'
import { preview } from '../live/preview.js'
import type { Route } from '../routes.js'

const previewMax = 100_000

/** What waits in the queue of this peer, and what was given up there. */
export function queueRoutes(work: Dispatcher): Route[] {
  return [
    {
      method: 'GET',
      path: '/queues',
      writes: false,
      summary: 'How many jobs wait, run, and are dead, by name; an empty list without a queue.',
      answer: async (exchange) => exchange.json(200, work.hasQueue ? await work.queues() : []),
    },
    {
      method: 'GET',
      path: '/queues/:name*',
      writes: true,
      summary:
        'The dead letters of a job, the oldest 100 of them: tokens, inputs up to 256 KiB and errors. With ' +
        '?preview=1000 inputs are texts, cut to so many characters.',
      answer: async (exchange) => {
        const cut = exchange.query('preview')
        const lengthMax = cut === undefined ? undefined : wholeNumber('preview', cut, 1, previewMax)
        exchange.json(200, (await dead(work, exchange)).map((job) => told(job, lengthMax)))
      },
    },
    {
      method: 'POST',
      path: '/retries/:token',
      writes: true,
      summary: 'Gives a dead letter all its attempts again.',
      answer: async (exchange) => {
        const isBack = await work.retry(exchange.name('token'))
        if (!isBack) throw new Refusal(404, 'ERR_KEY', 'there is no such dead letter')
        exchange.empty(204)
      },
    },
  ]
}

async function dead(work: Dispatcher, exchange: Exchange): Promise<DeadJob[]> {
  return work.hasQueue ? work.dead(exchange.name('name'), { large: false }) : []
}

function told({ input: whole, error, ...rest }: DeadJob, lengthMax?: number): object {
  const input = lengthMax === undefined || rest.isLarge ? whole : preview(whole, lengthMax)
  return { ...rest, input, error: refusalOf(error).told }
}
