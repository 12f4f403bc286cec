"""What employees and an HR chatbot say to each other, one module per language, all in the shape of `model.Phrases`.

Add a language as a module of its own and name it in `languages`. No randomness and no formatting of transcripts here.
"""
