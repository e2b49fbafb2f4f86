/** Ends the connections of an HTTP server when the service stops, so that no client can hold the stop up. */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Logger } from '#common/logging/logger.js';

/** Requests that are under way are answered in this time, or cut off, in milliseconds. */
const DRAIN_MS = 5000;
const LOOK_EVERY_MS = 100;

/**
 * `Server.close()` closes the connections that have nothing under way at that moment, and waits until the clients close the others,
 * for a minute and longer: those whose request is answered a moment later, and those on which nothing was ever asked, which
 * browsers and HTTP clients open in advance.
 * @returns to be called just before the server is closed
 */
export function endableConnections(server: Server, log: Logger, drainMs = DRAIN_MS): () => void {
  const open = new Set<Socket>();
  server.on('connection', (socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  return () => {
    const idle = setInterval(() => {
      server.closeIdleConnections();
      for (const socket of open) if (socket.bytesRead === 0) socket.destroy();
    }, LOOK_EVERY_MS);
    const all = setTimeout(() => {
      log.warn('requests cut off', { connections: open.size, afterMs: drainMs });
      server.closeAllConnections();
    }, drainMs);
    server.once('close', () => {
      clearInterval(idle);
      clearTimeout(all);
    });
  };
}
