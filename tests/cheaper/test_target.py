"""What `target` is for, said one claim at a time; `test_target_model.py` has every number."""
