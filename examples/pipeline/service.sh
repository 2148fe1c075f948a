#!/bin/sh
# Stands for a service that is down at first: `service.sh orders` fails like curl in its first two attempts.
case "$1" in
orders)
	if [ "$BACKSPAN_ATTEMPT" -lt 3 ]; then
		echo "curl: (7) Failed to connect to orders port 443" >&2
		exit 7
	fi
	echo '{"total": 42, "open": 3}'
	;;
prices)
	echo '{"tea": 5}'
	;;
*)
	echo "usage: service.sh orders | prices" >&2
	exit 2
	;;
esac
