package telemetry

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// checkListener returns a strangerError unless all that listen for connections to at are processes of this user or of
// root.
func checkListener(at netip.AddrPort) error {
	owners, err := listenerOwners(at)
	switch {
	case err != nil:
		return strangerError(fmt.Sprintf("nobody knows who listens there: %v", err))
	case len(owners) == 0: // it is gone, or the kernel sends connections elsewhere
		return strangerError("nobody knows who listens there: /proc/net/tcp does not list it")
	}
	for _, uid := range owners {
		if uid != 0 && uid != os.Geteuid() {
			return strangerError(fmt.Sprintf("user %d listens there, who is neither this user nor root", uid))
		}
	}
	return nil
}

// listenerOwners are the users whose sockets take connections to at.
func listenerOwners(at netip.AddrPort) ([]int, error) {
	owners, err := ownersIn("/proc/net/tcp", at)
	if err != nil {
		return nil, err
	}
	more, err := ownersIn("/proc/net/tcp6", at)
	if errors.Is(err, fs.ErrNotExist) { // a kernel without IPv6
		err = nil
	}
	return append(owners, more...), err
}

func ownersIn(path string, at netip.AddrPort) (owners []int, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // it was only read
	lines := bufio.NewScanner(file)
	lines.Scan() // the heading
	for lines.Scan() {
		// sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid …
		fields := strings.Fields(lines.Text())
		const listening = "0A"
		if len(fields) < 8 || fields[3] != listening {
			break // the kernel lists the listening sockets first
		}
		local, uid, err := parseSocket(fields[1], fields[7])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if takes(local, at) {
			owners = append(owners, uid)
		}
	}
	return owners, lines.Err()
}

// takes reports whether a socket that listens at local takes connections to at. One at [::] takes those of IPv4 too,
// unless it was told not to.
func takes(local, at netip.AddrPort) bool {
	listener, target := local.Addr().Unmap(), at.Addr().Unmap()
	return local.Port() == at.Port() && (listener == target.WithZone("") ||
		listener.IsUnspecified() && (listener.Is6() || target.Is4()))
}

// parseSocket reads an address as the kernel writes it, in words of 32 bits of this machine: 0100007F:10DD is
// 127.0.0.1:4317 on most.
func parseSocket(address, user string) (local netip.AddrPort, uid int, err error) {
	host, port, _ := strings.Cut(address, ":")
	words, err := hex.DecodeString(host)
	if err != nil || len(words) != 4 && len(words) != 16 {
		return local, 0, fmt.Errorf("%q is no address", address)
	}
	for i := 0; i < len(words); i += 4 {
		binary.NativeEndian.PutUint32(words[i:], binary.BigEndian.Uint32(words[i:]))
	}
	number, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return local, 0, err
	}
	addr, _ := netip.AddrFromSlice(words)
	uid, err = strconv.Atoi(user)
	return netip.AddrPortFrom(addr, uint16(number)), uid, err
}
