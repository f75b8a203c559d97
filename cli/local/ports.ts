/**
 * Finds ports nobody listens on. They are taken below the range the kernel gives to outgoing connections: a PostgreSQL that is restarted after a
 * crash must find its port free, and a port of that range may meanwhile be the near end of somebody's connection.
 */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { appError } from '../../shared/errors.ts';
import { HOST } from './plan.ts';

const LOWEST = 20_000;
const BEYOND = 32_000;
const TRIES_PER_PORT = 200;

export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => {
      resolve(false);
    });
    server.listen({ host: HOST, port, exclusive: true }, () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}

export async function choosePorts(count: number, taken: readonly number[] = []): Promise<readonly number[]> {
  const chosen: number[] = [];
  for (let tries = 0; chosen.length < count; tries += 1) {
    if (tries > count * TRIES_PER_PORT)
      throw appError('PGB-1101', `no ${String(count)} free ports between ${String(LOWEST)} and ${String(BEYOND)}`);
    const port = randomInt(LOWEST, BEYOND);
    if (!chosen.includes(port) && !taken.includes(port) && (await isPortFree(port))) chosen.push(port);
  }
  return chosen;
}

export async function refuseBusyPorts(ports: readonly number[]): Promise<void> {
  for (const port of ports) {
    if (!(await isPortFree(port))) throw appError('PGB-1101', `${HOST}:${String(port)}`);
  }
}
