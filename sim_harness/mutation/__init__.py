"""Do the tests of the golden steps notice small mistakes in them? Mutants, and a campaign that tries them all."""
