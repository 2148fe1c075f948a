package events

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func init() { roles["disk"] = serveDisk }

// A faultyDisk is a file system (FUSE) with one file in it, events.jsonl, that does what it is told. The kernel treats
// it like any other disk, so a write to it that is not answered hangs as one to a dead disk does. It is served by a
// process of its own: a process that waits for itself in the kernel could not even be killed.
type faultyDisk struct {
	path   string // of the file
	server *child
}

// mountFaulty mounts a faultyDisk. It has to be called in a namespace.
func mountFaulty(t *testing.T) *faultyDisk {
	t.Helper()
	dir := t.TempDir()
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal("open /dev/fuse (the kernel needs the module fuse):", err)
	}
	device := os.NewFile(uintptr(fd), "/dev/fuse")
	options := fmt.Sprintf("fd=%d,rootmode=40000,user_id=%d,group_id=%d", fd, os.Getuid(), os.Getgid())
	if err := unix.Mount("backspan", dir, "fuse", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		t.Fatal("mount a FUSE file system:", err)
	}
	d := &faultyDisk{path: filepath.Join(dir, "events.jsonl"), server: spawn(t, "disk", device)}
	if err := device.Close(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
		d.server.end(t)
	})
	return d
}

// tell gives the disk an order (see serveDisk). It returns how often the disk has been told to make its data last, and
// how often the file has been opened.
func (d *faultyDisk) tell(t *testing.T, order string, args ...any) (syncs, opens int) {
	t.Helper()
	_, err := fmt.Fprintln(d.server.in, append([]any{order}, args...)...)
	if err == nil {
		_, err = fmt.Sscan(d.server.line(t), &syncs, &opens)
	}
	if err != nil {
		t.Fatal(err)
	}
	return syncs, opens
}

// A diskServer is the other end.
type diskServer struct {
	fd int

	mu      sync.Mutex
	exists  bool
	data    []byte
	taken   bool // onWrite has seen to data itself
	syncs   int
	opens   int
	onSync  chan struct{}                                // not nil: what an fsync waits for
	onWrite func(line []byte) (n int, err syscall.Errno) // how much of a write to take; runs without mu
}

// serveDisk serves the disk whose device is descriptor 3 until its input ends, and no longer than a minute: when it
// ends, whoever hangs on the disk is let go.
func serveDisk() error {
	time.AfterFunc(time.Minute, func() { os.Exit(1) })
	d := &diskServer{fd: 3}
	d.onWrite = takeAll
	go d.serve()
	var thaw chan struct{}
	hangs := make(chan struct{}, 1000)
	orders := bufio.NewScanner(os.Stdin)
	for orders.Scan() {
		var order string
		var arg int
		fmt.Sscan(orders.Text(), &order, &arg) //nolint:errcheck // few orders have an argument
		switch order {
		case "work": // as a disk should
			d.fault(takeAll)
		case "freeze": // do not answer writes until "thaw"
			ice := make(chan struct{})
			thaw = ice
			d.fault(func(line []byte) (int, syscall.Errno) {
				hangs <- struct{}{}
				<-ice
				return len(line), 0
			})
		case "freezesync": // do not answer fsyncs until "thaw"
			thaw = make(chan struct{})
			d.mu.Lock()
			d.onSync = thaw
			d.mu.Unlock()
		case "hangs": // answer when a write hangs
			<-hangs
		case "thaw":
			d.fault(takeAll)
			close(thaw)
		case "thawhalf": // thaw, and take half of the next write
			d.fault(func(line []byte) (int, syscall.Errno) {
				d.fault(takeAll)
				return len(line) / 2, 0
			})
			close(thaw)
		case "slow": // answer a write after so many milliseconds
			d.fault(func(line []byte) (int, syscall.Errno) {
				<-time.After(time.Duration(arg) * time.Millisecond)
				return len(line), 0
			})
		case "half": // take half of a write
			d.fault(func(line []byte) (int, syscall.Errno) { return len(line) / 2, 0 })
		case "intrude": // take half of a write, and let a record of another process come next
			d.fault(func(line []byte) (int, syscall.Errno) {
				d.fault(takeAll)
				d.mu.Lock()
				defer d.mu.Unlock()
				d.data = append(d.data, line[:len(line)/2]...)
				d.data = numbered(1, 0, 0).Append(d.data)
				d.taken = true
				return len(line) / 2, 0
			})
		case "one": // take one byte of a write
			d.fault(func([]byte) (int, syscall.Errno) { return 1, 0 })
		case "fail": // a write with this error number
			d.fault(func([]byte) (int, syscall.Errno) { return 0, syscall.Errno(arg) })
		}
		d.mu.Lock()
		fmt.Println(d.syncs, d.opens)
		d.mu.Unlock()
	}
	return orders.Err()
}

func takeAll(line []byte) (int, syscall.Errno) { return len(line), 0 }

func (d *diskServer) fault(onWrite func(line []byte) (int, syscall.Errno)) {
	d.mu.Lock()
	d.onWrite = onWrite
	d.mu.Unlock()
}

// The requests that are answered, and the sizes of the answers' parts.
const (
	fuseLookup  = 1
	fuseForget  = 2
	fuseGetattr = 3
	fuseOpen    = 14
	fuseRead    = 15
	fuseWrite   = 16
	fuseRelease = 18
	fuseFsync   = 20
	fuseFlush   = 25
	fuseInit    = 26
	fuseCreate  = 35
	fuseIntr    = 36
	fuseForgets = 42

	fuseRoot, fuseFile = 1, 2 // node ids
)

var wire = binary.NativeEndian

// serve answers requests until the file system is unmounted.
func (d *diskServer) serve() {
	for {
		request := make([]byte, 1<<20)
		n, err := unix.Read(d.fd, request)
		switch err {
		case nil:
			go d.answer(request[:n])
		case unix.EINTR, unix.ENOENT, unix.EAGAIN:
		default:
			return
		}
	}
}

func (d *diskServer) answer(request []byte) {
	opcode, unique, node := wire.Uint32(request[4:]), wire.Uint64(request[8:]), wire.Uint64(request[16:])
	if opcode == fuseForget || opcode == fuseForgets || opcode == fuseIntr {
		return
	}
	body, errno := d.handle(opcode, node, request[40:])
	out := make([]byte, 16, 16+len(body))
	wire.PutUint32(out, uint32(16+len(body)))
	wire.PutUint32(out[4:], uint32(-int32(errno)))
	wire.PutUint64(out[8:], unique)
	unix.Write(d.fd, append(out, body...)) //nolint:errcheck // whoever asked may have been killed
}

func (d *diskServer) handle(opcode uint32, node uint64, body []byte) ([]byte, syscall.Errno) {
	if opcode == fuseFsync {
		d.mu.Lock()
		ice := d.onSync
		d.mu.Unlock()
		if ice != nil {
			<-ice
		}
	}
	if opcode == fuseWrite {
		return d.write(body[40:][:wire.Uint32(body[16:])])
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch opcode {
	case fuseInit:
		out := make([]byte, 64)
		wire.PutUint32(out, 7)
		wire.PutUint32(out[4:], 31)
		wire.PutUint32(out[20:], 128<<10) // the largest write
		return out, 0
	case fuseLookup:
		if string(body) != "events.jsonl\x00" || !d.exists {
			return nil, syscall.ENOENT
		}
		return d.entry(), 0
	case fuseCreate:
		d.exists = true
		d.opens++
		return append(d.entry(), opened()...), 0
	case fuseGetattr:
		return append(make([]byte, 16), d.attr(node)...), 0
	case fuseOpen:
		d.opens++
		return opened(), 0
	case fuseRead:
		from := min(int(wire.Uint64(body[8:])), len(d.data))
		return d.data[from:min(len(d.data), from+int(wire.Uint32(body[16:])))], 0
	case fuseFsync:
		d.syncs++
		return nil, 0
	case fuseFlush, fuseRelease:
		return nil, 0
	}
	return nil, syscall.ENOSYS
}

func (d *diskServer) write(line []byte) ([]byte, syscall.Errno) {
	d.mu.Lock()
	onWrite := d.onWrite
	d.mu.Unlock()
	n, errno := onWrite(line)
	if errno != 0 {
		return nil, errno
	}
	d.mu.Lock()
	if !d.taken {
		d.data = append(d.data, line[:n]...)
	}
	d.taken = false
	d.mu.Unlock()
	out := make([]byte, 8)
	wire.PutUint32(out, uint32(n))
	return out, 0
}

// entry is what a lookup finds, with no time for which it may be remembered.
func (d *diskServer) entry() []byte {
	out := make([]byte, 128)
	wire.PutUint64(out, fuseFile)
	copy(out[40:], d.attr(fuseFile))
	return out
}

func (d *diskServer) attr(node uint64) []byte {
	out := make([]byte, 88)
	wire.PutUint64(out, node)
	mode := uint32(unix.S_IFDIR | 0o700)
	if node == fuseFile {
		mode = unix.S_IFREG | 0o600
		wire.PutUint64(out[8:], uint64(len(d.data)))
	}
	wire.PutUint32(out[60:], mode)
	wire.PutUint32(out[64:], 1)
	wire.PutUint32(out[68:], uint32(os.Getuid()))
	wire.PutUint32(out[72:], uint32(os.Getgid()))
	return out
}

// opened is the answer to an open: past the page cache, so that every write is asked for at once.
func opened() []byte {
	out := make([]byte, 16)
	wire.PutUint32(out[8:], 1)
	return out
}
