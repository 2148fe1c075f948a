package safefile

import "testing"

// A group with the name of its user is the user's own, as on systems where umask is 002.
func TestTheGroupOfAUser(t *testing.T) {
	const root, other = 0, 1
	if err := foreign(root, root, 0o664); err != nil {
		t.Error(err)
	}
	if err := foreign(root, other, 0o664); err == nil {
		t.Error("a file that another group may write is root's own")
	}
	if err := foreign(root, root, 0o666); err == nil {
		t.Error("a file that everybody may write is root's own")
	}
}
