# A program in one file that carries the runtime and waits for a request on its standard input.
(sleep 6; echo ready) &
exec azmcp server start 2>"$D/log"
