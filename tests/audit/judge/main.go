// Opens a checkpoint and checks a proof by Go's own implementations: judge KEY PROOF LEAF-HASH.
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func hash(text []byte, err error) (found tlog.Hash) {
	must(err)
	if copy(found[:], text) != len(found) {
		must(fmt.Errorf("it is no hash"))
	}
	return found
}

func main() {
	verifier, err := note.NewVerifier(os.Args[1])
	must(err)
	proof, err := os.ReadFile(os.Args[2])
	must(err)
	head, signed, _ := bytes.Cut(proof, []byte("\n\n"))
	opened, err := note.Open(signed, note.VerifierList(verifier))
	must(err)
	checkpoint := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(checkpoint[1], 10, 64)
	must(err)
	lines := strings.Split(string(head), "\n")
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	must(err)
	var path tlog.RecordProof
	for _, line := range lines[2:] {
		path = append(path, hash(base64.StdEncoding.DecodeString(line)))
	}
	root := hash(base64.StdEncoding.DecodeString(checkpoint[2]))
	must(tlog.CheckRecord(path, size, root, index, hash(hex.DecodeString(os.Args[3]))))
	fmt.Printf("leaf %d of %s, %d leaves\n", index, checkpoint[0], size)
}
