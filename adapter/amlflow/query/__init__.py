"""JMESPath as a query language for runs.

An expression is translated into conditions, as far as the tracker can search by them. The matching
runs are read one by one, and jmespath evaluates the expression on their documents. The result is
the same as that of jmespath on the list of all documents.
"""
