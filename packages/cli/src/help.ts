/**
 * What `kora --help` prints: the options people need, in 80 columns, and where the rest is found.
 */

/** The help, ending with a line break. */
export const HELP = `\
kora: an in-memory data engine that speaks Redis's protocol

Usage
  kora [serve] [options]
  kora import dump.rdb [--to URL]         Redis's dump into a running server
  kora import redis://HOST:PORT [--to URL]
                                          copies a running Redis and follows it
  kora export dump.rdb [--from URL]       a dump that redis-server 7 loads
  kora inspect DIR|FILE [--records]       what a data directory has, and whether
                                          it holds
  kora repair DIR                         makes a damaged one open again, and
                                          says what that costs; keeps a copy

Where it listens
  -p, --port NUMBER         TCP port, 0 for any free one (6379)
      --bind ADDRESS...     addresses to listen on (127.0.0.1)
      --unix-socket PATH    also listen on a unix socket
      --io ENGINE           auto, uring, epoll or node (auto)
  -w, --workers NUMBER      threads that own data (1)
      --pipeline-order RULE writes, strict or relaxed (writes): what commands of
                            one connection may overlap on several workers
      --cluster-ports PORT  worker i also listens on PORT plus i, as a node of
                            a cluster that CLUSTER SLOTS describes (0: none)
      --vector-threads N    threads of each worker that link and search its big
                            vector sets (0: its own)
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
      --save SECONDS CHANGES
                            a snapshot after so long with so many changes; one
                            is made by itself when the log has grown
      --snapshot-retain N   snapshots that are kept, with the logs since (1)
      --wal-max-bytes BYTES
                            a file of the log at most, 0: until a snapshot
                            (64mb)
      --log-level LEVEL     debug, info, warn or error; also --loglevel (info)
  -c, --config FILE         options from a file: TOML, or as in redis.conf
                            (kora.toml in the working directory, if any)

Import and export; URL is redis://[user:password@]host:port or unix:/path,
redis://127.0.0.1:6379 when absent
      --flush               import: the target forgets all it has first
      --skip-modules        import: leaves out values of modules
      --once                import from a server: does not follow it
      --retry SECONDS       how long a source that was lost is tried again (60)
      --force               export: replaces the file if there is one
      --live                export of a Kora: does not hold its clients' writes
      --valkey              export of a Kora in the format of Valkey 9, which
                            keeps the deadlines of fields of hashes

  -h, --help                this text
  -v, --version             the version

Every parameter of redis.conf that Kora knows is an option too: --timeout 300.
Options on the command line win over the file.
`;
