/** The floor of an HTTP service on Node: a bare Fastify that answers with the body it was sent. */
import { fastify } from 'fastify';
import { answerCommands } from '../stand/contestant.js';

const app = fastify({ bodyLimit: 16 * 1024 * 1024 });
app.post('/echo', (request, reply) => reply.status(201).send(request.body));

const commands = {
  /** @returns the URL to post to */
  async listen() {
    return `${await app.listen({ host: '127.0.0.1', port: 0 })}/echo`;
  },
};

export type FastifyEcho = typeof commands;
answerCommands(commands);
