package main

import (
	"bufio"
	"fmt"
	"strings"

	"backstitch/cluster/client"
)

// confirm asks a yes-or-no question. Without a terminal it refuses and names the flag.
func (a *app) confirm(question, flag string) error {
	if a.yes {
		return nil
	}
	if !a.interactive() {
		return needs(question, flag)
	}
	fmt.Fprintf(a.stderr, "%s [y/N] ", question)
	answer, err := bufio.NewReader(a.stdin).ReadString('\n')
	if err != nil && answer == "" {
		return needs(question, flag)
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return declined()
}

// confirmName is for what can not be undone: the person types the object's name. given is the value of the flag that answers
// it without a terminal; --yes alone does not.
func (a *app) confirmName(question, name, flag, given string) error {
	if given == name {
		return nil
	}
	if given != "" {
		return &failure{
			Code: codeNeedsYes, Title: fmt.Sprintf("%s %s does not name what is meant", flag, given),
			Detail: question, Next: flag + " " + name, Exit: client.ExitUsage,
		}
	}
	if !a.interactive() {
		return needs(question, flag+" "+name)
	}
	fmt.Fprintf(a.stderr, "%s\nType %s to go on: ", question, name)
	answer, _ := bufio.NewReader(a.stdin).ReadString('\n')
	if strings.TrimSpace(answer) == name {
		return nil
	}
	return declined()
}

func needs(question, flag string) error {
	return &failure{
		Code: codeNeedsYes, Title: "a question, and no terminal to ask it on", Detail: question,
		Next: "the same command with " + flag, Exit: client.ExitUsage,
	}
}

func declined() error {
	return &failure{Code: codeDeclined, Title: "not done", Detail: "The answer was not yes. Nothing was changed.", Exit: client.ExitFailed}
}
