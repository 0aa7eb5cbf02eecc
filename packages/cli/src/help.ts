/**
 * What `kora --help` prints: the options people need, in 80 columns, and where the rest is found.
 */

/** The help, ending with a line break. */
export const HELP = `\
kora: an in-memory data engine that speaks Redis's protocol

Usage
  kora [serve] [options]

Where it listens
  -p, --port NUMBER         TCP port, 0 for any free one (6379)
      --bind ADDRESS...     addresses to listen on (127.0.0.1)
      --unix-socket PATH    also listen on a unix socket
      --io ENGINE           auto, uring, epoll or node (auto)
  -w, --workers NUMBER      threads that own data (1)
      --pipeline-order RULE writes, strict or relaxed (writes): what commands of
                            one connection may overlap on several workers
      --memory-advice WHAT  off, huge-pages, give-back or all (off): what the
                            system is told about memory; needs koffi

Who may do how much
      --password TEXT       clients have to AUTH; also --requirepass
      --maxclients NUMBER   connections at most (10000)
      --maxmemory BYTES     data at most, such as 100mb (no limit)
      --maxmemory-policy P  noeviction, allkeys-lru, allkeys-lfu,
                            allkeys-random, volatile-lru, volatile-lfu,
                            volatile-random or volatile-ttl (noeviction)
      --enable-debug-command WHO
                            no, local or yes: who may use DEBUG (no)

What it keeps and tells
      --dir PATH            keep data in this directory; also --data-dir
      --fsync WHEN          always, everysec or no (everysec)
      --log-level LEVEL     debug, info, warn or error; also --loglevel (info)
  -c, --config FILE         options from a file: TOML, or as in redis.conf
                            (kora.toml in the working directory, if any)

  -h, --help                this text
  -v, --version             the version

Every parameter of redis.conf that Kora knows is an option too: --timeout 300.
Options on the command line win over the file. Not built yet, and refused:
--dir, --fsync always and no.
`;
