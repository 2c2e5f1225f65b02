# A table, and CLIENTS with a sort in memory and an open cursor.
bin=$(ls -d /usr/lib/postgresql/*/bin | tail -1)
export LANG=C
chown -R postgres "$D"
cd "$D"
as="setpriv --reuid postgres --regid postgres --clear-groups"
$as "$bin/initdb" -D "$D/pg" >/dev/null 2>&1
client="$as $bin/psql -q -h $D -p $P postgres"
(
  until $client -c 'select 1' >/dev/null 2>&1; do sleep 0.3; done
  $client -c 'create table t as select i, repeat(md5(i::text), 5) as b from generate_series(1, 300000) i' >/dev/null
  for i in $(seq "$CLIENTS"); do
    $client -c "set work_mem = '200MB'; set jit_above_cost = 0" -c 'begin' \
      -c 'declare c cursor for select * from t order by b' -c 'fetch 5 from c' -c 'select pg_sleep(1000)' \
      >/dev/null 2>&1 &
  done
  sleep 6; echo ready
) &
exec $as "$bin/postgres" -D "$D/pg" -p "$P" -c listen_addresses=127.0.0.1 -c unix_socket_directories="$D" $FLAGS 2>"$D/log"
