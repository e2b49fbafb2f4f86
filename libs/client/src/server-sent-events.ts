/** Reads server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) out of a stream of bytes. */

export interface ServerSentEvent {
  readonly name: string;
  /** Undefined when only the id was sent. */
  readonly data: string | undefined;
  /** The last one that was sent, with this event or before; '' before the first. */
  readonly id: string;
}

/** Longest event that is taken, in characters: the largest piece of output, each character of it escaped. */
const LONGEST = 8 * 1024 * 1024;

/** Comments are passed on too, as events without data: they are signs of life. */
export async function* serverSentEvents(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  const decoder = new TextDecoder();
  let rest = '';
  let id = '';
  for await (const chunk of bytes) {
    const blocks = (rest + decoder.decode(chunk, { stream: true })).replaceAll('\r\n', '\n').split('\n\n');
    rest = blocks.pop() ?? '';
    if (rest.length > LONGEST) throw new Error('an event is longer than a store sends');
    for (const block of blocks) {
      const event = parse(block, id);
      ({ id } = event);
      yield event;
    }
  }
}

function parse(block: string, lastId: string): ServerSentEvent {
  let [name, id] = ['message', lastId];
  const data: string[] = [];
  for (const line of block.split('\n')) {
    const [, field, value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (field === 'event') name = value;
    else if (field === 'id') id = value;
    else if (field === 'data') data.push(value);
  }
  return { name, id, data: data.length === 0 ? undefined : data.join('\n') };
}
