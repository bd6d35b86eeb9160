// What came of the checks, for people and for the test that started us.

export class Report {
  #checks = 0;
  #failures = 0;

  // Runs a check; it fails by throwing, or by returning a list of problems that is not empty.
  async check(name, body) {
    try {
      const problems = (await body()) ?? [];
      if (problems.length > 0) return this.failed(name, shortened(problems));
      this.#checks += 1;
      console.log(`ok ${name}`);
    } catch (error) {
      this.failed(name, error);
    }
  }

  failed(name, why) {
    this.#checks += 1;
    this.#failures += 1;
    const told = String(why?.message ?? why).replaceAll("\n", "\n    ");
    console.log(`FAILED ${name}: ${told}`);
  }

  // The exit code; that nothing was checked is a failure, too.
  finish(group) {
    if (this.#checks === 0) this.failed(group, "nothing was checked");
    return this.#failures === 0 ? 0 : 1;
  }
}

function shortened(problems, most = 12) {
  const more = problems.length - most;
  const shown = problems.slice(0, most);
  if (more > 0) shown.push(`and ${more} more`);
  return shown.join("\n");
}

export function expect(is, otherwise) {
  if (!is) throw new Error(otherwise);
}
