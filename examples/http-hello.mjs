// An HTTP server and a client of it; neither knows of sanswitch. npx sanswitch run --debug -- node examples/http-hello.mjs
import { createServer, get } from 'node:http';

const server = createServer((request, response) => {
  response.end(`hello, you asked for ${request.url}\n`);
});

server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
  get({ host: '127.0.0.1', port, path: '/garden' }, (response) => {
    response.pipe(process.stdout);
    response.on('end', () => server.close());
  });
});
