/**
 * Clients that have asked once and then stay: `node bench/idle-load.ts PORT COUNT`. Prints `open` when all have
 * their answer, and holds them until it is ended.
 */
import net from 'node:net';

const AT_ONCE = 100;
const [port = 0, count = 0] = process.argv.slice(2).map(Number);
const request = Buffer.from('*2\r\n$3\r\nGET\r\n$4\r\nidle\r\n');
const sockets: net.Socket[] = [];
let answered = 0;

for (let i = 0; i < Math.min(AT_ONCE, count); i++) open();

function open(): void {
  const socket = net.connect({ host: '127.0.0.1', port });
  sockets.push(socket);
  socket.once('connect', () => socket.write(request));
  socket.once('error', (error) => fail(error.message));
  socket.once('end', () => fail('closed by the peer'));
  socket.once('data', (chunk) => {
    if (chunk[0] !== '$'.charCodeAt(0)) fail(chunk.toString('latin1'));
    answered++;
    if (answered === count) process.stdout.write('open\n');
    else if (sockets.length < count) open();
  });
}

function fail(reason: string): void {
  process.stderr.write(`client ${sockets.length} of ${count}: ${reason.slice(0, 300)}\n`);
  process.exit(1);
}
