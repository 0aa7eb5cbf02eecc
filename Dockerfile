# Kora in a container: built from this checkout, run by a user without rights, memory only.
#   docker build -t kora . && docker run --rm -p 6379:6379 kora
# koffi is installed with the server, so sockets are served by epoll: the default seccomp profile of
# containers refuses io_uring, which a profile that allows its three system calls brings back.
# `INFO server` says which engine runs (io_engine) and why.
# Inside a container the server has to listen on all addresses for a published port to reach it, so
# protected mode is off here, as in Redis's own image: publish the port where you trust everybody, or
# give a password: docker run -p 6379:6379 kora serve --bind 0.0.0.0 --password secret
FROM node:22-slim AS build
WORKDIR /kora
COPY . .
# The build, then the command with its dependencies and nothing of the workspace.
RUN npm run build \
 && npx --yes "$(node -p 'require("./package.json").packageManager')" \
      --filter @kora/cli deploy --legacy --prod --ignore-scripts /opt/kora

FROM node:22-slim
ENV NODE_ENV=production
COPY --from=build /opt/kora /opt/kora
COPY --from=build /kora/LICENSE /opt/kora/LICENSE
USER node
WORKDIR /home/node
EXPOSE 6379
STOPSIGNAL SIGTERM
# Healthy: it answers PING, or asks for a password, which only a working server does.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 CMD ["node", "-e", "\
const socket = require('node:net').connect(6379, '127.0.0.1', () => socket.write('PING\\r\\n')); \
socket.setTimeout(2500, () => process.exit(1)); \
socket.on('error', () => process.exit(1)); \
socket.on('data', (data) => process.exit(/^(\\+PONG|-NOAUTH)/.test(String(data)) ? 0 : 1));"]
ENTRYPOINT ["node", "/opt/kora/bin/kora.js"]
CMD ["serve", "--bind", "0.0.0.0", "--protected-mode", "no"]
