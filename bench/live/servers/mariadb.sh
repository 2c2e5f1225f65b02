# A table, and CLIENTS that have read it and wait.
install=$(command -v mariadb-install-db)
$install --no-defaults --user=root --datadir="$D/my" >/dev/null 2>&1
client="mariadb --no-defaults -uroot -S $D/s"
(
  until $client -e 'select 1' >/dev/null 2>&1; do sleep 0.3; done
  $client -e 'create database d; create table d.t(a int primary key, b varchar(200)) engine=innodb;
    insert into d.t select seq, repeat("x", 200) from seq_1_to_200000'
  for i in $(seq "$CLIENTS"); do
    $client -e 'select count(*) from d.t a; select b from d.t order by b desc limit 1; select sleep(1000)' \
      >/dev/null 2>&1 &
  done
  sleep 6; echo ready
) &
exec mariadbd --no-defaults --user=root --datadir="$D/my" --skip-networking --socket="$D/s" --pid-file="$D/pid" $FLAGS \
  2>"$D/log"
