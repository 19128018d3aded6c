# Every target is a target of the script `dev`, which also serves machines without make.
# Options go through ARGS:  make up ARGS="--port 9000"

TARGETS := setup up test unit connected check static fmt bench chaos contracts docs lock

.PHONY: help $(TARGETS)

help:
	@./dev

$(TARGETS):
	@./dev $@ $(ARGS)
