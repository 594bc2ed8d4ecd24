// Sends lines to the echo server and prints what comes back. node examples/echo-client.mjs PORT [TEXT]
import { createSwitch } from 'sanswitch';

const [port = '', text = 'hello'] = process.argv.slice(2);
const sw = await createSwitch();
const socket = await sw.connect({ host: '127.0.0.1', port: Number(port) });

console.log(`connected by ${socket.provider}`);
socket.send(new TextEncoder().encode(text));
socket.end();

const decoder = new TextDecoder();
let echo = '';
for await (const bytes of socket) echo += decoder.decode(bytes, { stream: true });
console.log(`echo: ${echo}`);
await sw.close();
