.PHONY: demo headline headline-bottles table1 test lint docs bench bench-collect fidelity fuzz soak bench-densities bench-convert bench-read bench-trunks bench-precision bench-labels clean
SHELL := /bin/bash
PYTHON := python3.11
BIN := .venv/bin
READY := .venv/ready
TORCH := .venv-torch

# Trials of the policy so far, and a training that goes on from its weights with all trials there are.
round = "collect --sim --task bottles --policy runs/mof-$(1) --seed $(2) --trials $(3)" "convert logs/ out-$(2)/ --failures 0 --views 0" \
	"train mof --from runs/mof-$(1) --data out-$(2)/ --name mof-$(2) --set train.steps=$(4)" \
	"eval --sim --run runs/mof-$(2) --task bottles -n 1000"

# Each in a folder of its own, from nothing. The same line again continues one that was interrupted; the time of a stage
# counts from its last start.
demo: STAGES := "collect --sim" "convert logs/ out/" "train mof" "eval --robot kuka-3"
headline: STAGES := "collect --sim --trials 300000" "convert logs/ out/" "train mof --set train.steps=9000" "eval --sim -n 2000"
headline-bottles: STAGES := "collect --sim --task bottles --trials 200000" "convert logs/ out-1/ --failures 0 --views 12" \
	"train mof --data out-1/ --name mof-1 --set train.steps=7000" "eval --sim --run runs/mof-1 --task bottles -n 1000" \
	$(call round,1,2,60000,9000) $(call round,2,3,80000,15000) \
	"eval --sim --run runs/mof-3 --task bottles-heldout -n 1000"
table1: STAGES := "collect --sim --task bottles --trials 200000 --out logs-two/" "convert logs-two/ out-two/" \
	"train mof --data out-two/ --name mof-two --set train.steps=9000" \
	"train critic --data out-two/ --name critic-two --set train.steps=6000" \
	"collect --sim --task bottles-5 --trials 150000" "convert logs/ out-actor/ --failures 0 --views 12" "convert logs/ out-critic/" \
	"train mof --from runs/mof-two --data out-actor/ --name mof --set train.steps=15000" \
	"train critic --from runs/critic-two --data out-critic/ --name critic --set train.steps=12000" \
	"reproduce table1 runs/mof runs/critic"

demo headline headline-bottles table1: $(READY)
	@mkdir -p $@ && cd $@ && touch times.txt && for stage in $(STAGES); do \
		grep -qF " s  graspctl $$stage" times.txt && continue; \
		printf '\n$$ graspctl %s\n' "$$stage"; begin=$$SECONDS; \
		../$(BIN)/graspctl $$stage || exit $$?; \
		printf '%6d s  graspctl %s\n' $$((SECONDS - begin)) "$$stage" >> times.txt; \
	done; printf '\nIn $@/, on %d cores; remove it to begin anew:\n' $$(nproc); cat times.txt; \
	awk '{ total += $$1 } END { printf "%6d s  in all\n", total }' times.txt

test: $(READY)
	$(BIN)/python -m pytest

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m mypy

# The documentation site, in build/docs/; a warning is an error.
docs: export NO_MKDOCS_2_WARNING := 1
docs: $(READY)
	$(BIN)/python -m mkdocs build --quiet --strict

bench: bench-collect
	$(BIN)/python benchmarks/task.py

# Collection against PyBullet's own grasping environment and its renderer.
bench-collect: $(READY)
	$(BIN)/python benchmarks/collect.py

# The mixture of flows against nflows and zuko, which live in an environment of their own.
bench-densities: $(READY) $(TORCH)/ready
	$(BIN)/python benchmarks/densities.py --torch $(TORCH)/bin/python

# The labels against a finer simulation, none of the early exits, the same grasp elsewhere, and the whole arm.
fidelity: $(READY)
	$(BIN)/python benchmarks/fidelity.py

# Ways to see, with the dataset of make demo.
bench-trunks: $(READY)
	$(BIN)/python benchmarks/trunks.py --data demo/out

# Steps of training in float32 and as trained.
bench-precision: $(READY)
	$(BIN)/python benchmarks/precision.py

# Needs room for twelve gigabytes.
bench-convert: $(READY)
	$(BIN)/python benchmarks/convert.py

# Examples read per second, and how long training waits for them.
bench-read: $(READY)
	$(BIN)/python benchmarks/read.py

# Labels from image differences against the simulator, with cameras that are noisy, drift and move.
bench-labels: $(READY)
	$(BIN)/python benchmarks/labels.py

# Kills collections at random moments, a hundred times, and looks for what was lost.
soak: $(READY)
	$(BIN)/python tests/pipelines/test_collect_soak.py

# Changes a log at random, ten thousand times, and looks for a traceback, a hang, or a trial that is another.
fuzz: $(READY)
	$(BIN)/python tests/pipelines/test_log_fuzz.py

clean:
	rm -rf .venv $(TORCH) demo headline headline-bottles table1 build *.egg-info .pytest_cache .mypy_cache .ruff_cache

# Installed anew whenever the pins or the packages change.
$(READY): requirements.lock setup.py
	@command -v $(PYTHON) >/dev/null || { echo "graspctl needs $(PYTHON) (PyBullet has no wheels for newer ones): install it, then run make again." >&2; exit 1; }
	@echo "Installing the pinned dependencies into .venv; this takes a few minutes."
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

$(TORCH)/ready: benchmarks/densities.txt
	@$(PYTHON) -m venv $(TORCH)
	@$(TORCH)/bin/pip install --quiet --disable-pip-version-check -r $<
	@touch $@
