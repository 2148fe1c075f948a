//go:build unix && !linux

package child

// alive says whether a process of the group runs, where kill(2) has said already that there is one.
func alive(int) bool { return true }
